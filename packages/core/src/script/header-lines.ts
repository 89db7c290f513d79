import { findNearMatch } from "../near-match.ts";

/** A comment line of a header, without its marker. */
export interface HeaderLine {
  /** Counts from 1 in the file. */
  readonly line: number;
  /** Where the text starts in its line, from 1. */
  readonly column: number;
  readonly text: string;
}

export interface FoundHeader {
  /** The version line first; empty when the file has no header. */
  readonly lines: readonly HeaderLine[];
  /** A line above the first code that looks like a mistyped version line. */
  readonly suspect: HeaderLine | undefined;
}

const MARKER = /[ \t]*(?:#+|--+|\/\/+|\/\*+|;+|%+|\*+(?!\/))[ \t]*/y;
const VERSION_LINE = /^@deckhand(?![\w-])/;
const SUSPECT_LINE = /^@?([A-Za-z]{6,10})[ \t]+\d+$/;
const MOST_LINES = 1_000;

/** Finds the comment block that the line `@deckhand 1` opens, among the comments at the top of a file. */
export function findHeader(text: string): FoundHeader {
  const lines: HeaderLine[] = [];
  let suspect: HeaderLine | undefined;
  for (const { raw, line } of topLines(text)) {
    const comment = toComment(raw, line);
    const isPreamble =
      raw.trim() === "" || raw.trim() === "<?php" || (line === 1 && raw.startsWith("#!"));
    if (lines.length === 0 && isPreamble) continue;
    if (!comment) break;
    if (lines.length > 0 || VERSION_LINE.test(comment.text)) lines.push(comment);
    else if (isSuspect(comment.text)) suspect ??= comment;
    if (lines.length > 0 && raw.trimEnd().endsWith("*/")) break;
  }
  return { lines, suspect: lines.length > 0 ? undefined : suspect };
}

function isSuspect(text: string): boolean {
  const word = SUSPECT_LINE.exec(text)?.[1];
  return word !== undefined && findNearMatch(word, ["deckhand"]) !== undefined;
}

function* topLines(text: string): Generator<{ raw: string; line: number }> {
  let from = text.startsWith("\uFEFF") ? 1 : 0;
  for (let line = 1; line <= MOST_LINES && from <= text.length; line++) {
    const end = text.indexOf("\n", from);
    const raw = text.slice(from, end < 0 ? text.length : end);
    yield { raw: raw.endsWith("\r") ? raw.slice(0, -1) : raw, line };
    if (end < 0) return;
    from = end + 1;
  }
}

function toComment(raw: string, line: number): HeaderLine | undefined {
  MARKER.lastIndex = 0;
  const marker = MARKER.exec(raw)?.[0];
  if (marker === undefined) return undefined;
  const isBlock = /^[ \t]*\/?\*/.test(marker);
  const rest = raw.slice(marker.length).trimEnd();
  const text = isBlock && rest.endsWith("*/") ? rest.slice(0, -2).trimEnd() : rest;
  return { line, column: marker.length + 1, text };
}
