// Compiles contracts/src into contracts/artifacts: ABI, creation and runtime bytecode, and the digest of all sources.
// The output is committed, so that building and testing the workspace needs no Node.
import { createHash } from "node:crypto";
import { mkdirSync, readFileSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { dirname, join, relative, sep } from "node:path";
import { fileURLToPath } from "node:url";
import solc from "solc";

const ROOT = dirname(fileURLToPath(import.meta.url));
const CODE_LIMIT_BYTES = 24_576;
const SETTINGS = {
  evmVersion: "cancun",
  viaIR: true,
  optimizer: { enabled: true, runs: 100_000 },
  metadata: { appendCBOR: false, bytecodeHash: "none" },
  outputSelection: { "*": { "*": ["abi", "evm.bytecode.object", "evm.deployedBytecode.object"] } },
};

/** All Solidity files under `folder`, as paths from contracts/ with forward slashes, sorted. */
function sourcePaths(folder) {
  return readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile() && entry.name.endsWith(".sol"))
    .map((entry) => relative(ROOT, join(entry.parentPath, entry.name)).split(sep).join("/"))
    .sort();
}

/** SHA-256 over (path, 0, length, 0, bytes) of each source in order: what `referee`'s staleness test recomputes. */
function sourceDigest(paths) {
  const hash = createHash("sha256");
  for (const path of paths) {
    const bytes = readFileSync(join(ROOT, path));
    hash.update(`${path}\0${bytes.length}\0`).update(bytes);
  }
  return hash.digest("hex");
}

function compile(paths) {
  const sources = Object.fromEntries(
    paths.map((path) => [path, { content: readFileSync(join(ROOT, path), "utf8") }]),
  );
  const input = { language: "Solidity", sources, settings: SETTINGS };
  const output = JSON.parse(solc.compile(JSON.stringify(input)));
  for (const message of output.errors ?? []) console.error(message.formattedMessage);
  if (output.errors?.length) throw new Error("solc reported errors or warnings; both stop the build");
  return output.contracts;
}

const paths = sourcePaths(join(ROOT, "src"));
const sourcesSha256 = sourceDigest(paths);
const artifacts = join(ROOT, "artifacts");
const compiled = compile(paths);
rmSync(artifacts, { recursive: true, force: true });
mkdirSync(artifacts);
for (const path of paths) {
  for (const [name, contract] of Object.entries(compiled[path] ?? {})) {
    const size = contract.evm.deployedBytecode.object.length / 2;
    // Libraries of internal functions compile to a stub that nobody deploys.
    if (size < 100 || contract.abi.every((item) => item.type === "error")) continue;
    if (size > CODE_LIMIT_BYTES) throw new Error(`${name} has ${size} bytes, more than ${CODE_LIMIT_BYTES}`);
    const artifact = {
      contract: name,
      source: path,
      compiler: solc.version(),
      settings: { ...SETTINGS, outputSelection: undefined },
      sourcesSha256,
      runtimeBytes: size,
      abi: contract.abi,
      bytecode: `0x${contract.evm.bytecode.object}`,
    };
    writeFileSync(join(artifacts, `${name}.json`), `${JSON.stringify(artifact, null, 2)}\n`);
    console.log(`${name}: ${size} bytes`);
  }
}
