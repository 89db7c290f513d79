import type { OpenTerminalRequestInput, Terminal } from "@deckhand/core";
import { expect } from "vitest";
import type { DeckhandServer } from "./deckhand-server.ts";
import { type TerminalWatcher, watchTerminal } from "./terminal-watcher.ts";

type More = Partial<OpenTerminalRequestInput>;

/** Terminals in one container, over the API. */
export interface TerminalRequests {
  post(request: OpenTerminalRequestInput): Promise<Response>;
  open(more?: More): Promise<Terminal>;
  /** Opens one that runs this, and watches it from its first byte on. */
  openSh(
    text: string,
    more?: More,
  ): Promise<{ readonly terminal: Terminal; readonly watcher: TerminalWatcher }>;
  read(terminalId: string): Promise<Terminal>;
  /** Ends it; it has ended when this resolves. */
  end(terminalId: string): Promise<Terminal>;
}

export function terminalRequests(server: DeckhandServer, on: string): TerminalRequests {
  const pathOf = (terminalId: string) => `/api/v1/terminals/${terminalId}`;
  const post: TerminalRequests["post"] = (request) =>
    server.fetch("/api/v1/terminals", { method: "POST", body: JSON.stringify(request) });

  async function open(more: More = {}): Promise<Terminal> {
    const answer = await post({ on, ...more });
    expect(answer.status, await answer.clone().text()).toBe(201);
    return (await answer.json()) as Terminal;
  }

  return {
    post,
    open,
    openSh: async (text, more = {}) => {
      const terminal = await open({ argv: ["sh", "-c", text], ...more });
      return { terminal, watcher: await watchTerminal(server, terminal.id, { after: 0 }) };
    },
    read: async (terminalId) => (await (await server.fetch(pathOf(terminalId))).json()) as Terminal,
    end: async (terminalId) => {
      // Without the content type: an empty body is no JSON.
      const headers = { authorization: `Bearer ${server.token}` };
      const answer = await fetch(server.url + pathOf(terminalId), { method: "DELETE", headers });
      expect(answer.status).toBe(200);
      return (await answer.json()) as Terminal;
    },
  };
}
