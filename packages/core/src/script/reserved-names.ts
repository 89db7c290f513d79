const NAME = /^[A-Za-z_][A-Za-z0-9_]{0,127}$/;

/** Variables that change what a shell, an interpreter or the loader runs, or that a shell keeps for itself. */
const RESERVED_NAMES: ReadonlySet<string> = toWords(`
  _ PATH ENV IFS PWD OLDPWD SHLVL CDPATH GLOBIGNORE FIGNORE EXECIGNORE FPATH ZDOTDIR PPID
  UID EUID GROUPS RANDOM SRANDOM SECONDS LINENO OPTIND OPTARG OPTERR REPLY PIPESTATUS
  DIRSTACK FUNCNAME FUNCNEST HISTCMD HISTFILE SHELLOPTS BASHOPTS BASHPID BASH PS0 PS1 PS2
  PS3 PS4 PROMPT_COMMAND POSIXLY_CORRECT TIMEFORMAT NODE_OPTIONS NODE_PATH RUBYOPT RUBYLIB
  RUBYPATH RUBYSHELL PHPRC PHP_INI_SCAN_DIR PSQLRC GCONV_PATH GETCONF_DIR GLIBC_TUNABLES
  HOSTALIASES LOCALDOMAIN LOCPATH NLSPATH RESOLV_HOST_CONF
`);

const RESERVED_PREFIXES: readonly string[] = [
  "LD_",
  "DYLD_",
  "BASH_",
  "COMP_",
  "EPOCH",
  "PYTHON",
  "PERL",
  "MALLOC_",
  "DECKHAND_",
];

/** Says why a name can be no parameter and no environment variable; undefined when it can. */
export function findNameProblem(name: string): string | undefined {
  if (!NAME.test(name))
    return "is no name: letters, digits and _ only, no digit first, at most 128";
  if (!isReservedName(name)) return undefined;
  return "is reserved: it would change how the script is run; choose another name";
}

/** Tells whether a variable of this name is kept from callers and scripts' headers. */
export function isReservedName(name: string): boolean {
  return RESERVED_NAMES.has(name) || RESERVED_PREFIXES.some((prefix) => name.startsWith(prefix));
}

/** Variables by which psql itself is set up; a parameter of that name would change how the script is run. */
const PSQL_NAMES: ReadonlySet<string> = toWords(`
  AUTOCOMMIT COMP_KEYWORD_CASE ECHO ECHO_HIDDEN ENCODING FETCH_COUNT HIDE_TABLEAM
  HIDE_TOAST_COMPRESSION HISTCONTROL HISTFILE HISTSIZE IGNOREEOF ON_ERROR_ROLLBACK
  ON_ERROR_STOP PROMPT1 PROMPT2 PROMPT3 QUIET SHOW_ALL_RESULTS SHOW_CONTEXT SINGLELINE
  SINGLESTEP VERBOSITY WATCH_INTERVAL
`);

/** Tells whether psql gives a variable of this name a meaning of its own. */
export function isPsqlName(name: string): boolean {
  return PSQL_NAMES.has(name);
}

function toWords(text: string): ReadonlySet<string> {
  return new Set(text.trim().split(/\s+/));
}
