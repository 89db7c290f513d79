// What a program file of Linux says about itself, as far as the guard promises something about it.
const MACHINES = { 62: "x86_64", 183: "aarch64" };
const LOAD = 1;
const DYNAMIC = 2;
const INTERPRETER = 3;
const STACK = 0x6474e551;
const EXECUTABLE = 1;
const WRITABLE = 2;
const MOST_BYTES = 100 * 1024;

/** What is wrong with a built guard for the machine, in words; nothing for a good one. */
export function findFaults(file, arch) {
  if (file.length < 64 || file.readUInt32BE(0) !== 0x7f454c46) return ["it is no ELF file"];
  const segments = readSegments(file);
  const machine = MACHINES[file.readUInt16LE(18)];
  const has = (type) => segments.some((segment) => segment.type === type);
  const stack = segments.find(({ type }) => type === STACK);
  const isBoth = ({ type, flags }) => type === LOAD && flags & WRITABLE && flags & EXECUTABLE;
  return [
    file.length > MOST_BYTES && `it has ${file.length} bytes, more than ${MOST_BYTES}`,
    machine !== arch && `it is for ${machine ?? "another machine"}`,
    has(INTERPRETER) && "it needs a dynamic loader",
    has(DYNAMIC) && "it is linked dynamically",
    segments.some(isBoth) && "a segment can be written and executed",
    (!stack || stack.flags & EXECUTABLE) && "its stack can be executed",
  ].filter(Boolean);
}

function readSegments(file) {
  const at = Number(file.readBigUInt64LE(32));
  const size = file.readUInt16LE(54);
  return Array.from({ length: file.readUInt16LE(56) }, (_, index) => ({
    type: file.readUInt32LE(at + index * size),
    flags: file.readUInt32LE(at + index * size + 4),
  }));
}
