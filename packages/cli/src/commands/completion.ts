import { type Command, Argument } from "commander";
import { type Surroundings, writeAll } from "../command-context.ts";
import { newCommand } from "./command.ts";

// Bash takes words apart at = and :, so the line is read anew and what stands before the last of them is cut off.
const BASH = `_deckhand() {
  local line=\${COMP_LINE:0:COMP_POINT} words word before
  IFS=$' \\t\\n' read -ra words <<< "$line"
  [[ $line == *[[:space:]] ]] && words+=("")
  word=\${words[\${#words[@]}-1]}
  before=\${word%"\${word##*[=:]}"}
  mapfile -t COMPREPLY < <(deckhand __complete "\${words[@]:1}" 2>/dev/null)
  COMPREPLY=("\${COMPREPLY[@]#"$before"}")
  [[ \${#COMPREPLY[@]} == 1 && \${COMPREPLY[0]} == *= ]] && compopt -o nospace
}
complete -o default -F _deckhand deckhand
`;

const ZSH = `#compdef deckhand
_deckhand() {
  local -a found open
  found=("\${(@f)$(deckhand __complete "\${(@)words[2,CURRENT]}" 2>/dev/null)}")
  open=(\${(M)found:#*=})
  found=(\${found:#*=})
  (( $#found + $#open )) || { _files; return }
  compadd -S '' -- $open
  compadd -- $found
}
compdef _deckhand deckhand
`;

const FISH = `function __deckhand_complete
  deckhand __complete (commandline -opc)[2..] (commandline -ct) 2>/dev/null
end
complete -c deckhand -a '(__deckhand_complete)'
`;

const SCRIPTS: Readonly<Record<string, string>> = { bash: BASH, zsh: ZSH, fish: FISH };

export function completionCommand(surroundings: Surroundings): Command {
  return newCommand("completion", {
    summary: "Print a shell's completion script; it asks the server, for 150 ms at most",
    examples: [
      ["source <(deckhand completion bash)", "bash, for this shell"],
      ['deckhand completion zsh > "${fpath[1]}/_deckhand"', "zsh"],
      ["deckhand completion fish > ~/.config/fish/completions/deckhand.fish", "fish"],
    ],
  })
    .addArgument(new Argument("<shell>", "for which shell").choices(Object.keys(SCRIPTS)))
    .action((shell: string) => writeAll(surroundings.stdout, SCRIPTS[shell] ?? ""));
}
