import type { IdKind } from "@deckhand/core";
import type { Transaction } from "kysely";
import type { z } from "zod";
import type { Database } from "../database/database.ts";

/** Something that is kept under a name, as its newest version is. */
export interface Definition<Body> {
  readonly id: string;
  readonly name: string;
  /** Counts from 1. */
  readonly version: number;
  readonly body: Body;
  readonly createdAtMs: number;
  readonly updatedAtMs: number;
  /** Who made this version. */
  readonly by: { readonly tokenId: string | null; readonly name: string };
}

/** A change that is about to be made: `before` is undefined for a new one, `after` for one that is deleted. */
export interface DefinitionChange<Body> {
  readonly before: Definition<Body> | undefined;
  readonly after: Definition<Body> | undefined;
}

/** One kind of definition: its words, the form of its body, and what a change of one entails. */
export interface DefinitionKind<Body> {
  /** The column `kind`, and the kind of its ids. */
  readonly kind: IdKind;
  /** For sentences and hints: `group`, `groups`, `deckhand groups`. */
  readonly words: {
    readonly one: string;
    readonly many: string;
    readonly command: string;
  };
  /** What is audited when one is changed: `group.write`. */
  readonly action: string;
  /** Reads a stored body; what an earlier version did not know gets its default. */
  readonly body: z.ZodType<Body>;
  /** Inside the change's transaction, after the row is written: throws to refuse it, or writes what belongs to it. */
  readonly onChange?: (
    change: DefinitionChange<Body>,
    transaction: Transaction<Database>,
  ) => Promise<void>;
  /** After the change is on the disk. */
  readonly onChanged?: (change: DefinitionChange<Body>) => void;
}
