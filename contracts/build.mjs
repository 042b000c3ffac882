// Compiles contracts/src into contracts/artifacts: ABI, creation and runtime bytecode, and the digest of all sources.
// The output is committed, so that building and testing the workspace needs no Node.
import { createHash } from "node:crypto";
import { mkdirSync, readFileSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { basename, dirname, join, relative, sep } from "node:path";
import { fileURLToPath } from "node:url";
import solc from "solc";

const ROOT = dirname(fileURLToPath(import.meta.url));
const CODE_LIMIT_BYTES = 24_576;
const OUTPUT = { "*": ["abi", "evm.bytecode.object", "evm.deployedBytecode.object"] };
/** How often code is expected to run: what the optimizer weighs against size. Moves are a few, blocks of arithmetic are long. */
const RUNS = {
  "src/Dispute.sol": 200,
  "src/Market.sol": 200,
};
const RUNS_ELSEWHERE = 100_000;

/** Compiler settings for the sources of these paths. */
function settings(paths, runs) {
  return {
    evmVersion: "cancun",
    viaIR: true,
    optimizer: { enabled: true, runs },
    metadata: { appendCBOR: false, bytecodeHash: "none" },
    outputSelection: Object.fromEntries(paths.map((path) => [path, OUTPUT])),
  };
}

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

/** Compiles the contracts of `wanted`; what they import is read when it is asked for. */
function compile(wanted, runs) {
  // A path that begins at no folder of ours is a package's.
  const content = (path) => readFileSync(join(ROOT, path.startsWith("src/") ? "" : "node_modules", path), "utf8");
  const sources = Object.fromEntries(wanted.map((path) => [path, { content: content(path) }]));
  const input = { language: "Solidity", sources, settings: settings(wanted, runs) };
  const output = JSON.parse(
    solc.compile(JSON.stringify(input), { import: (path) => ({ contents: content(path) }) }),
  );
  for (const message of output.errors ?? []) console.error(message.formattedMessage);
  if (output.errors?.length) throw new Error("solc reported errors or warnings; both stop the build");
  return output.contracts;
}

/** The sources to compile, by their number of runs; all, or those that the command line names: `node build.mjs Dispute`. */
function batches(paths) {
  const names = process.argv.slice(2);
  const wanted = paths.filter((path) => names.length === 0 || names.includes(basename(path, ".sol")));
  const runsOf = (path) => RUNS[path] ?? RUNS_ELSEWHERE;
  return [...new Set(wanted.map(runsOf))].map((runs) => [runs, wanted.filter((path) => runsOf(path) === runs)]);
}

/** The artifacts of one source file's contracts that can be deployed. */
function artifactsOf(path, contracts, runs) {
  return Object.entries(contracts).flatMap(([name, contract]) => {
    const size = contract.evm.deployedBytecode.object.length / 2;
    // Libraries of internal functions compile to a stub that nobody deploys.
    if (size < 100 || contract.abi.every((item) => item.type === "error")) return [];
    if (size > CODE_LIMIT_BYTES) throw new Error(`${name} has ${size} bytes, more than ${CODE_LIMIT_BYTES}`);
    return [
      {
        contract: name,
        source: path,
        compiler: solc.version(),
        settings: { ...settings([], runs), outputSelection: undefined },
        sourcesSha256,
        runtimeBytes: size,
        abi: contract.abi,
        bytecode: `0x${contract.evm.bytecode.object}`,
      },
    ];
  });
}

const paths = sourcePaths(join(ROOT, "src"));
const sourcesSha256 = sourceDigest(paths);
const artifacts = join(ROOT, "artifacts");
const built = batches(paths).flatMap(([runs, wanted]) => {
  const compiled = compile(wanted, runs);
  return wanted.flatMap((path) => artifactsOf(path, compiled[path] ?? {}, runs));
});
// Nothing is touched before everything is compiled.
if (process.argv.length === 2) rmSync(artifacts, { recursive: true, force: true });
mkdirSync(artifacts, { recursive: true });
for (const artifact of built) {
  writeFileSync(join(artifacts, `${artifact.contract}.json`), `${JSON.stringify(artifact, null, 2)}\n`);
  console.log(`${artifact.contract}: ${artifact.runtimeBytes} bytes`);
}
