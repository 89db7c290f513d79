import { execFile } from "node:child_process";
import { mkdtemp, readFile, rm } from "node:fs/promises";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { SMTPServer } from "smtp-server";

const run = promisify(execFile);

export interface ReceivedMail {
  readonly from: string;
  readonly to: readonly string[];
  readonly user: string | undefined;
  readonly isEncrypted: boolean;
  /** Header and text, as they came. */
  readonly source: string;
}

/** A mail server on this machine that wants STARTTLS and a password, and keeps what it gets. */
export interface MailServer {
  readonly port: number;
  /** The certificate that its clients have to trust; its name is localhost. */
  readonly certPath: string;
  readonly user: string;
  readonly password: string;
  readonly mails: readonly ReceivedMail[];
  close(): Promise<void>;
}

export async function mailServer(): Promise<MailServer> {
  const folder = await mkdtemp(join(tmpdir(), "deckhand-mail-"));
  const certPath = join(folder, "cert.pem");
  const keyPath = join(folder, "key.pem");
  const subject = ["-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost"];
  const ec = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2"];
  await run("openssl", ["req", "-x509", ...ec, ...subject, "-keyout", keyPath, "-out", certPath]);
  const mails: ReceivedMail[] = [];
  const [user, password] = ["deckhand", "correct horse battery"];
  const server = new SMTPServer({
    cert: await readFile(certPath),
    key: await readFile(keyPath),
    onAuth: (auth, _session, done) =>
      auth.username === user && auth.password === password
        ? done(null, { user })
        : done(new Error("Invalid username or password")),
    onData: (stream, session, done) => {
      const pieces: Buffer[] = [];
      stream.on("data", (piece: Buffer) => pieces.push(piece));
      stream.on("end", () => {
        const { mailFrom, rcptTo } = session.envelope;
        mails.push({
          from: mailFrom ? mailFrom.address : "",
          to: rcptTo.map(({ address }) => address),
          user: session.user as string | undefined,
          isEncrypted: session.secure,
          source: Buffer.concat(pieces).toString(),
        });
        done(null, "queued");
      });
    },
  });
  server.on("error", () => undefined);
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", () => resolve()));
  const { port } = server.server.address() as AddressInfo;
  return {
    port,
    certPath,
    user,
    password,
    mails,
    close: async () => {
      await new Promise<void>((resolve) => server.close(() => resolve()));
      await rm(folder, { recursive: true, force: true });
    },
  };
}
