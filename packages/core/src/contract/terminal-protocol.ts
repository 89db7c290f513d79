/** The subprotocol of a terminal's WebSocket. */
export const TERMINAL_PROTOCOL = "deckhand.terminal.v1";
/** What stands before the token when it travels as a subprotocol: a browser can send no header with a WebSocket. */
export const TOKEN_PROTOCOL_PREFIX = "deckhand.token.";
