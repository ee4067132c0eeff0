// Evaluates JSONata with the reference implementation: [{expression, states, variables}] in, [{value}] or [{error}] out.
import jsonata from "jsonata";

let text = "";
for await (const chunk of process.stdin) text += chunk;
const answers = [];
for (const { expression, states, variables } of JSON.parse(text)) {
  try {
    answers.push({ value: await jsonata(expression).evaluate(undefined, { ...variables, states }) });
  } catch (error) {
    answers.push({ error: error.code ?? String(error) });
  }
}
process.stdout.write(JSON.stringify(answers));
