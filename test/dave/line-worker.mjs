// The thread that exchanges lines with the process of a LineProcess while the test's thread blocks.
import { spawn } from 'node:child_process'
import { createInterface } from 'node:readline'
import { workerData } from 'node:worker_threads'

const { command, port, signal } = workerData
const [program, ...args] = command
const child = spawn(program, args, { stdio: ['pipe', 'pipe', 'inherit'] })

function answer(line) {
  port.postMessage(line)
  Atomics.store(signal, 0, 1)
  Atomics.notify(signal, 0)
}
const fail = error => answer(JSON.stringify({ error: `${program}: ${error}` }))

createInterface({ input: child.stdout }).on('line', answer)
child.on('error', error => fail(error.message))
child.on('exit', (code, reason) => {
  fail(`ended with ${code ?? reason}`)
  port.close()
})
child.stdin.on('error', () => {})
port.on('message', line => child.stdin.write(`${line}\n`))
port.on('close', () => child.stdin.end())
