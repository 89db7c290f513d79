import type { DocumentSetUp } from "./check-example.ts";
import {
  BACKUP,
  CHECK,
  COMPOSE,
  JOBS,
  MENDED,
  OFELIA,
  RELOAD,
  SAY,
  VACUUM,
  versions,
} from "./sample-scripts.ts";

const REQUEST = { argv: ["true"], on: ["db-1"] };
const TRIGGER = {
  source: { kind: "webhook", scheme: "github", secret: "correct horse battery staple" },
  run: { script: "web/reload", on: ["svc/web"] },
};

/** docs/cli.md: the examples of each command, of which the first is what it is for. */
export const commandLineReference: DocumentSetUp = {
  document: "docs/cli.md",
  scripts: {
    "db/vacuum.sh": versions(VACUUM.replace("# @effect", "# @secret   PGPASSWORD?\n# @effect"), 3),
    "db/backup.sh": [BACKUP],
    "db/check.sh": [CHECK],
    "db/old.sh": [SAY],
    "web/reload.sh": versions(RELOAD, 4),
    "web/dump.sh": [SAY],
    "x.sh": versions(SAY, 2),
  },
  files: {
    "vacuum.sh": VACUUM,
    "scripts/analyze.sh": SAY,
    "jobs.yaml": JOBS.replace(/^- name: Both[\s\S]*/m, ""),
    "ofelia.ini": OFELIA,
    "compose.yaml": COMPOSE,
    "scripts/sizes.sql": "-- @deckhand 1\n-- @interpreter sql\nselect 1;\n",
    "backup.sh": BACKUP,
    "check.sh": SAY,
    "old.sh": SAY,
    "locked.sh": "# @deckhand 1\n# @interpreter sh\n# @secret PASSWORD\ntrue\n",
    "mended.sh": MENDED,
    "report.py": "print('report')\n",
    "fix.py": "print('fixed')\n",
    "report.sql": "select name from users;\n",
    "app.conf": "a = 1\n",
    pw: "correct horse\n",
    password: "correct horse\n",
    "key.pem": "-----BEGIN PRIVATE KEY-----\n",
    "request.json": JSON.stringify(REQUEST),
    "trigger.json": JSON.stringify(TRIGGER),
  },
  prepare: `
    fpath=("" "$HOME"); mkdir -p ~/.config/fish/completions
    printf %s "$RECEIVER/slack" >slack-url
    RUN=$(deckhand exec -d --on label=role=db -- echo disk full) && deckhand wait $RUN
    MENDED=$(deckhand run mended.sh -d --on label=role=db); deckhand wait $MENDED || :
    TERMINAL=$(curl -s "$SERVER/api/v1/terminals" -H "$AUTH" -H "$JSON" -d '{"on": "db-1"}' | jq -r .id)
    pass show db/main | deckhand secrets set db/main
    pass show db/main | deckhand secrets set web/token
    deckhand groups set db --on label=role=db
    deckhand triggers set deploy --webhook github --run web/reload --on svc/web
    deckhand notifications set ops --webhook "$RECEIVER"
    pass deckhand | deckhand context create old --server "$SERVER" --token-stdin
    pass deckhand | deckhand context create prod --server "$SERVER" --token-stdin`,
  standsFor: {
    "run_01k…": "$RUN",
    "trm_01k…": "$TERMINAL",
    "tok_01k…": "$TOKEN",
    "dlv_01k…": "$(deckhand notifications deliveries ops -o json | jq -r '.[0].id')",
    "db/vacuum.sh --if-match 9f2c…":
      "db/vacuum.sh --if-match $(deckhand scripts show db/vacuum -o json | jq -r .sha256)",
    "db/old --if-match 9f2c…":
      "db/old --if-match $(deckhand scripts show db/old -o json | jq -r .sha256)",
    "deckhand scripts sync . --prefix ops --delete":
      "(cd scripts && deckhand scripts sync . --prefix ops --delete)",
    "context use NAME": "context use prod",
    "/var/lib/deckhand/first-token": ".deckhand/demo/first-token",
    "--port 9000": "--port 0",
  },
  before: {
    "cancel run_01k…": "RUN=$(deckhand exec -d --on db-1 -- sleep 1000)",
    "--secret PASSWORD=@pw  # with a secret, which":
      "RUN=$(deckhand run ./locked.sh -d --on db-1 --secret PASSWORD=@pw) && deckhand wait $RUN",
    "rerun run_01k…": "RUN=$MENDED",
    "rm db/old --if-match": "deckhand scripts put old.sh db/old.sh",
    "tokens rm": "TOKEN=$(deckhand tokens create other -o json | jq -r .id)",
  },
  typed: {
    "exec -it db-1  #": { after: "# ", text: "exit\r" },
    "exec -it db-1 -u postgres": { after: "=#", text: "\\q\r" },
    "secrets set db/main  #": { after: "db/main", text: "correct horse\n" },
    "attach trm_01k…  #": { after: "# ", text: "\x10\x11" },
    "--detach-keys": { after: "# ", text: "\x1d" },
    "--no-stdin": { after: "# ", text: "\x03" },
  },
  exitCodes: {
    "what it is, before": 66,
    "diff <(": 1,
    "--no-stdin": 130,
  },
  notRun: { "Exit codes of deckhand": "it is the help's text, and a test of the command line" },
};
