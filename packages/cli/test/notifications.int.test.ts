import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import type { Delivery, Notification } from "@deckhand/core";
import { afterAll, beforeAll, expect, test } from "vitest";
import { dockerContainer, type TestContainer } from "../../../test/support/containers.ts";
import { type DeckhandServer, startDeckhandServer } from "../../../test/support/deckhand-server.ts";
import { engines } from "../../../test/support/engines.ts";
import { type MailServer, mailServer } from "../../../test/support/mail-server.ts";
import { type WebhookReceiver, webhookReceiver } from "../../../test/support/webhook-receiver.ts";
import { type CommandLine, commandLine } from "./support/command-line.ts";

let server: DeckhandServer;
let line: CommandLine;
let container: TestContainer;
let receiver: WebhookReceiver;
let mail: MailServer;

beforeAll(async () => {
  const { docker, images } = engines();
  [receiver, mail, container] = await Promise.all([
    webhookReceiver(),
    mailServer(),
    dockerContainer({ name: "cli-notify", image: images.busybox }),
  ]);
  server = await startDeckhandServer({
    engines: [`local=unix://${docker.socketPath}`],
    env: {
      DECKHAND_NOTIFICATIONS_PRIVATE_NETWORKS: "127.0.0.0/8, ::1",
      NODE_EXTRA_CA_CERTS: mail.certPath,
    },
  });
  line = await commandLine(server);
});

afterAll(async () => {
  await server?.close();
  await line?.close();
  await container?.remove();
  await receiver?.close();
  await mail?.close();
});

const notifications = (...words: string[]) => line.run(["notifications", ...words]);

async function file(name: string, text: string): Promise<string> {
  const path = join(line.home, name);
  await writeFile(path, text);
  return path;
}

async function read(name: string): Promise<Notification> {
  return JSON.parse((await notifications("show", name, "-o", "json")).stdout) as Notification;
}

/** Runs that were told of, once there is one. */
async function toldBy(name: string): Promise<Delivery[]> {
  const asked = ["deliveries", name, "--state", "delivered", "-o", "json"];
  const all = JSON.parse((await notifications(...asked)).stdout) as Delivery[];
  const told = all.filter(({ runId }) => runId !== null);
  return told.length > 0 ? told : toldBy(name);
}

const at = (path: string) => receiver.received.filter((one) => one.path === path);
const fails = () => line.run(["exec", "--on", container.name, "--", "sh", "-c", "exit 3"]);

test("a webhook is made, tested, told of a failed run, and told again when that is asked for", async () => {
  const secret = await file("secret", `${receiver.secret}\n`);
  const url = `${receiver.url}/ops`;
  const made = await notifications("set", "ops", "--webhook", url, "--secret-file", secret);
  expect(made).toMatchObject({ exitCode: 0, stderr: "deckhand: made the notification ops\n" });
  expect(made.stdout).toMatch(/^ops\nto +webhook, http:\S+\/ops\nwhen +failed, lost, /);
  expect(made.stdout).not.toContain("whsec_");
  expect((await notifications("ls")).stdout).toMatch(/^ops +http:\S+\/ops +failed lost /m);
  expect((await notifications("test", "ops")).stdout).toMatch(/^dlv_\w+ delivered: 204\n$/);

  expect((await fails()).exitCode).toBe(3);
  await toldBy("ops");
  const [told] = at("/ops").filter(({ json }) => json["type"] === "run.failed");
  expect(told).toMatchObject({ isSigned: true, json: { data: { state: "failed" } } });
  const id = String(told?.headers["webhook-id"]);
  const table = await notifications("deliveries", "ops", "--state", "delivered", "--limit", "1");
  expect(table.stdout).toMatch(new RegExp(`^${id} +run\\.failed +run_\\w+ +delivered +1 `, "m"));

  const replayed = await notifications("replay", "ops", id);
  expect(replayed).toMatchObject({ exitCode: 0, stdout: `${id} delivered: 204\n` });
  const sent = at("/ops").filter(({ headers }) => headers["webhook-id"] === id);
  expect(sent.map(({ isSigned, text }) => [isSigned, text])).toEqual(
    Array(2).fill([true, told?.text]),
  );

  receiver.answerNext({ status: 503, text: "come back" });
  const refused = await notifications("test", "ops");
  expect(refused).toMatchObject({ exitCode: 1 });
  expect(refused.stdout).toMatch(/^dlv_\w+ \S+: 503 come back\n$/);
  expect((await notifications("rm", "ops")).exitCode).toBe(0);
  expect((await notifications("test", "ops")).exitCode).toBe(66);
});

test("a secret that nobody gave is printed once, and never where a program reads JSON", async () => {
  const hook = ["--webhook", `${receiver.url}/made`];
  const made = await notifications("set", "made", ...hook);
  const [secret = ""] = made.stdout.split("\n").slice(-2);
  expect(secret).toMatch(/^whsec_[A-Za-z0-9+/]{43}=$/);
  expect(made.stderr).toContain("this is the only time that its secret is shown");
  expect((await notifications("set", "made", ...hook)).stdout).not.toContain("whsec_");
  expect((await notifications("show", "made")).stdout).not.toContain("whsec_");
  const moved = ["--webhook", `${receiver.url}/moved`, "-o", "json"];
  const again = await notifications("set", "made", ...moved);
  expect(JSON.parse(again.stdout)).toMatchObject({ version: 3, to: { url: moved[1] } });
  expect(again.stderr).toMatch(/deckhand: whsec_\S{44}\n$/);
  await notifications("rm", "made");
});

test("what is not given stays, also that it is off", async () => {
  const secret = await file("secret", receiver.secret);
  const place = ["--webhook", `${receiver.url}/kept`, "--secret-file", secret];
  const tell = ["--when", "every", "--script", "db/*", "--origin", "schedule", "--on", "svc/db"];
  await notifications("set", "kept", ...place, ...tell, "--description", "all of it");
  const { tell: told, to } = await read("kept");
  expect(told).toEqual({
    when: ["every"],
    scripts: ["db/*"],
    origins: ["schedule"],
    on: ["svc/db"],
  });
  const changed = await notifications("set", "kept", "--when", "failed,recovered", "--disable");
  expect(changed.stderr).toBe("deckhand: changed the notification kept\n");
  await notifications("set", "kept", "--description", "less of it");
  expect(await read("kept")).toMatchObject({
    to,
    tell: { ...told, when: ["failed", "recovered"] },
    description: "less of it",
    enabled: false,
  });
  expect((await notifications("ls")).stdout).toMatch(/^kept .* disabled +less of it$/m);
  await notifications("set", "kept", "--enable");
  expect((await read("kept")).enabled).toBe(true);
  await notifications("rm", "kept");
});

test("a chat's address is read from a file, and shown to nobody", async () => {
  const address = await file("slack", `${receiver.url}/services/T0/secret-part\n`);
  const made = await notifications("set", "chat", "--slack-file", address, "--text", "{event}!");
  expect(made.exitCode).toBe(0);
  await fails();
  await toldBy("chat");
  expect(at("/services/T0/secret-part").map(({ json }) => json)).toEqual([{ text: "run.failed!" }]);
  const shown = [made, await notifications("show", "chat"), await notifications("ls")];
  expect(shown.map(({ stdout }) => stdout).join("")).not.toContain("secret-part");
  await notifications("rm", "chat");
});

test("a mail goes out by the server that is named, and what that says is told", async () => {
  const password = await file("password", `${mail.password}\n`);
  const smtp = ["--smtp", `localhost:${mail.port}`, "--smtp-user", mail.user];
  const who = [
    "--email",
    "ops@example.org",
    "--email",
    "ann@example.org",
    "--from",
    "dh@example.org",
  ];
  const words = ["set", "mail", ...who, ...smtp, "--password-file", password];
  const made = await notifications(...words, "--subject", "deckhand: {event}");
  expect(made).toMatchObject({ exitCode: 0, stdout: expect.stringContaining("starttls") });
  expect(made.stdout).not.toContain(mail.password);
  expect((await notifications("test", "mail")).stdout).toMatch(/delivered: 250/);
  expect(mail.mails).toMatchObject([
    { from: "dh@example.org", to: ["ops@example.org", "ann@example.org"], isEncrypted: true },
  ]);

  await fails();
  const [delivery] = await toldBy("mail");
  expect(mail.mails[1]?.source).toMatch(/^Subject: deckhand: run\.failed\r$/m);
  await notifications("set", "mail", "--email", "bob@example.org");
  const replayed = await notifications("replay", "mail", `${delivery?.id}`);
  expect(replayed.exitCode).toBe(0);
  expect(mail.mails.at(-1)).toMatchObject({ from: "dh@example.org", to: ["bob@example.org"] });
  const other = await file("other-password", "not it\n");
  await notifications("set", "mail", "--password-file", other);
  const refused = await notifications("test", "mail");
  expect(refused).toMatchObject({ exitCode: 1, stdout: expect.stringContaining("535") });
  await notifications("rm", "mail");
});

test("the whole of one may be given as a file", async () => {
  const to = { kind: "webhook", url: `${receiver.url}/whole`, secret: receiver.secret };
  const whole = await file("whole.json", JSON.stringify({ to, tell: { when: ["lost"] } }));
  expect((await notifications("set", "whole", "--file", whole)).exitCode).toBe(0);
  expect((await read("whole")).tell.when).toEqual(["lost"]);
  const broken = await file("broken.json", "{");
  const refused = await notifications("set", "whole", "--file", broken);
  expect(refused.exitCode).toBe(64);
  expect(refused.stderr).toContain("broken.json is not valid JSON");
  await notifications("rm", "whole");
});

test.each([
  [["set", "x"], 64, "it is not said whom to tell"],
  [["set", "x", "--webhook", "http://a/", "--email", "b@c"], 64, "a notification has one receiver"],
  [["set", "x", "--email", "b@example.org"], 64, "a mail needs --from"],
  [["set", "x", "--email", "b@c.de", "--from", "d@e.fg"], 64, "a mail needs --smtp"],
  [["set", "x", "--slack-file", "/none"], 64, "/none can not be read (ENOENT)"],
  [["set", "x", "--webhook", "ftp://a/"], 64, "/to/url"],
  [["set", "x", "--webhook", "https://a.example/", "--when", "exploded"], 64, "/tell/when/0"],
  [["set", "Not A Name", "--webhook", "https://a.example/"], 64, "/name"],
  [["set", "x", "--enable", "--disable"], 64, "cannot be used with option"],
  [["show", "none"], 66, "none"],
  [["test", "none"], 66, "none"],
  [["deliveries", "none"], 66, "none"],
  [["rm", "none"], 66, "none"],
  [["replay", "none", `dlv_${"0".repeat(26)}`], 66, "none"],
])("%j exits %i: %s", async (words, exitCode, said) => {
  const refused = await notifications(...words);
  expect(refused).toMatchObject({ exitCode, stdout: "" });
  expect(refused.stderr).toMatch(/^deckhand: /);
  expect(refused.stderr).toContain(said);
});
