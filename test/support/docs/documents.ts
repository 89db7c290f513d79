import {
  isAnswer,
  isComposeWithSchedules,
  isConfiguration,
  isContainerEvent,
  isCronLine,
  isFile,
  isFileFor,
  isListedBy,
  isOfeliaFile,
  isOfeliaLabels,
  isPrintedBy,
  isRunRequest,
  isSessionWithLog,
  isSessionWithNumbers,
  isToldOfFailure,
  isWebSocket,
} from "./blocks.ts";
import type { DocumentSetUp } from "./check-example.ts";
import { WATCHED_WEB } from "./containers.ts";
import { commandLineReference } from "./command-line-reference.ts";
import {
  BACKUP,
  CHECK,
  FAILS,
  JOBS,
  MAPPED,
  OFELIA,
  RELOAD,
  SAY,
  TABLE_SIZES,
  VACUUM,
  versions,
} from "./sample-scripts.ts";

const DATABASE_SCRIPTS = {
  "db/vacuum.sh": versions(VACUUM, 3),
  "db/backup.sh": versions(BACKUP, 3),
};
const WEB_SCRIPTS = { "web/reload.sh": versions(RELOAD, 4), "web/dump.sh": [SAY] };

/** Every document whose examples are run, in the order in which they are. */
export const DOCUMENTS: readonly DocumentSetUp[] = [
  {
    document: "README.md",
    scripts: { ...DATABASE_SCRIPTS, "db/table_sizes.py": [TABLE_SIZES] },
    prepare: "DONE=$(deckhand exec -d --on label=role=db -- echo vacuum) && deckhand wait $DONE",
    standsFor: { "show RUN": "show $DONE", "logs RUN": "logs $DONE" },
    notRun: {
      "npm run demo  ": "it starts containers of these names on the machine's own engine",
    },
    blocks: {
      "$ docker exec db": isSessionWithLog({ isWholeLog: false }),
      "$ deckhand exec --on name=db": isSessionWithLog({ isWholeLog: true }),
    },
  },
  {
    document: "docs/schedules.md",
    scripts: { ...DATABASE_SCRIPTS, "ops/check.sh": [SAY] },
    files: { "check.sh": SAY },
    blocks: {
      "engines:": isConfiguration,
      "# compose.yaml": isComposeWithSchedules,
      "# Ofelia's": isOfeliaLabels,
      "# the same here": isComposeWithSchedules,
      "; ofelia.ini": isOfeliaFile,
      "0 3 * * *  docker exec": isCronLine,
    },
  },
  {
    document: "docs/triggers.md",
    scripts: { ...WEB_SCRIPTS, "web/mapped.sh": [MAPPED] },
    blocks: { '{ "runId"': isAnswer, '"event": "die"': isContainerEvent },
  },
  {
    document: "docs/scripts.md",
    files: { "jobs.yaml": JOBS, "ofelia.ini": OFELIA, "scripts/disk.sh": SAY },
    prepare: `
      mkdir -p earlier && for n in 1 2 3; do
        echo "echo $n" | tee earlier/vacuum.sh earlier/hot.sh >/dev/null
        echo "echo old" | tee earlier/old.sh earlier/same.sh >/dev/null
        deckhand scripts sync earlier --prefix team
      done
      echo "echo by hand" >hot.sh && deckhand scripts put hot.sh team/hot.sh
      echo "echo new" | tee scripts/vacuum.sh scripts/hot.sh >/dev/null
      cp earlier/same.sh scripts/ && echo >scripts/README.md`,
    blocks: {
      "# @title    Disk use": isFile("disk.sh"),
      '"$schema"': isPrintedBy("deckhand scripts form ops/disk -o json | jq .schema"),
    },
    exitCodes: {
      "deckhand scripts sync ./scripts --prefix team": 65,
      "jobs.yaml --dry-run": 1,
    },
  },
  {
    document: "docs/selectors.md",
    scripts: { ...DATABASE_SCRIPTS, "reindex.sh": [SAY] },
    files: { "report.py": "print('report')\n" },
    prepare: "deckhand groups set db --on label=role=db",
    exitCodes: { "!= odd": 1 },
  },
  {
    document: "docs/notifications.md",
    scripts: { "db/fails.sh": [FAILS] },
    files: { password: "correct horse\n" },
    prepare: 'SLACK_URL="$RECEIVER/slack"; docker exec db-1 touch /tmp/broken',
    blocks: { '"type": "run.failed"': isToldOfFailure, "privateNetworks:": isConfiguration },
  },
  {
    document: "docs/secrets.md",
    files: { pw: "correct horse\n" },
    scripts: { "db/check.sh": [CHECK] },
    prepare: `
      mkdir -p etc && pass show db/main | deckhand secrets set db/first
      deckhand schedules create nightly '0 3 * * *' db/check --on db-1 --secret PGPASSWORD=db/first
      deckhand triggers set deploy --webhook github --run db/check --on db-1 --secret PGPASSWORD=db/first`,
    standsFor: { "/etc/deckhand": "$PWD/etc" },
    typed: {
      "it asks, and shows nothing": { after: "PGPASSWORD", text: "correct horse\n" },
      "the new value": { after: "db/main", text: "correct horse\n" },
      "asks for the value": { after: "db/main", text: "correct horse\n" },
    },
    blocks: { "# @secret PGPASSWORD": isFile("check.sh") },
  },
  {
    document: "docs/sql.md",
    files: { "report.sql": "select name from users;\n" },
    blocks: {
      "-- @deckhand 1": isFileFor("orders.sql", "deckhand run orders.sql --on db-1 DAY=2026-11-20"),
    },
  },
  {
    document: "docs/history.md",
    files: {
      "long.sh": "seq 11 >&2\necho connect: connection refused >&2\necho disk full\n",
    },
    prepare: `
      RUN=$(deckhand run -d long.sh --on db-1)
      deckhand exec --on db-1 -- sh -c 'seq 1 9000' >long; deckhand wait $RUN
      until deckhand search connection refused | grep run_; do :; done`,
    standsFor: { "run_01kb5m…": "$RUN" },
    blocks: {
      "retention:": isConfiguration,
      "$ deckhand retention plan": isSessionWithNumbers,
      "run_01kb5m…/manifest.json": isListedBy("tar -tzf run.tar.gz"),
    },
  },
  commandLineReference,
  {
    document: "docs/api.md",
    scripts: DATABASE_SCRIPTS,
    exitCodes: { '"JOBS": 99': 22 },
    blocks: { PARAM_INVALID: isAnswer, "new WebSocket": isWebSocket },
  },
  {
    document: "docs/rollouts.md",
    scripts: { ...DATABASE_SCRIPTS, "db/refresh.sh": [SAY] },
    files: { "patch.sh": "echo patched\n" },
    containers: WATCHED_WEB,
    standsFor: { "--pause 2m": "--pause 0s" },
    blocks: { '{"script"': isRunRequest },
  },
];
