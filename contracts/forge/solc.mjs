#!/usr/bin/env node
// The pinned npm compiler behind the two options that forge asks a native one for.
import { readFileSync } from "node:fs";
import solc from "solc";

if (process.argv.includes("--version")) console.log(`solc\nVersion: ${solc.version()}`);
else process.stdout.write(solc.compile(readFileSync(0, "utf8")));
