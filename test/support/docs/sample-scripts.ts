import { readDocument } from "./examples.ts";

/** The scripts that the documents speak of, as far as somebody has to have written them. */
export const VACUUM = readDocument("examples/scripts/db/vacuum.sh");
export const TABLE_SIZES = readDocument("examples/scripts/db/table_sizes.py");

export const SAY = "#!/bin/sh\necho done\n";
/** Where something is broken. */
export const FAILS = "#!/bin/sh\ntest ! -e /tmp/broken\n";
/** Says what a trigger has mapped. */
export const MAPPED = "#!/bin/sh\nenv | grep '^P[0-9]'\n";

export const BACKUP = `#!/bin/sh
# @deckhand 1
# @param LEVEL int(1..9) = 6
# @args
echo "saved with $LEVEL" "$@"
`;

export const CHECK = `#!/bin/sh
# @deckhand 1
# @secret PGPASSWORD
test -n "$PGPASSWORD"
`;

export const RELOAD = `#!/bin/sh
# @deckhand 1
# @param BRANCH string = main
# @param CONFIG file?
# @secret TOKEN?
echo "reloaded $BRANCH"
`;

/** Fails the first time, where the engine knows it. */
export const MENDED = `#!/bin/sh
# @deckhand 1
# @secret PASSWORD?
test -e /tmp/mended || { touch /tmp/mended; exit 1; }
`;

/** The same script so many times, each time a bit otherwise. */
export function versions(text: string, count: number): readonly string[] {
  return Array.from({ length: count }, (_, index) => `${text}# ${index + 1}\n`);
}

export const OFELIA = `[job-exec "ping"]
schedule = @every 5m
container = db-1
command = echo ping
`;

export const COMPOSE = `services:
  db:
    labels:
      ofelia.job-exec.pong.schedule: "@every 5m"
      ofelia.job-exec.pong.command: echo pong
`;

export const JOBS = `
- name: Vacuum a table
  group: db/nightly
  nodefilters: { filter: 'name: db-.*' }
  options:
  - name: db-password
    secure: true
    valueExposed: true
  schedule: { time: { hour: '02', minute: '30', seconds: '0' }, month: '*', year: '*', weekday: { day: '2-6' } }
  timeZone: Europe/Berlin
  notification: { onfailure: { email: { recipients: ops@example.org } } }
  sequence:
    keepgoing: false
    commands:
    - script: |-
        #!/bin/bash
        PGPASSWORD="@option.db-password@" vacuumdb
- name: Both
  group: db/nightly
  sequence:
    keepgoing: false
    commands:
    - jobref: { name: Vacuum a table, group: db/nightly }
`;
