// Loads the WebAssembly of @snazzah/davey in one thread, without the shared memory between workers that its own loader sets up:
// pages would have to be cross-origin isolated for that.
import { instantiateNapiModule } from '@emnapi/core'
import { createContext } from '@emnapi/runtime'
import type { Davey } from '../voice/dave/davey-keys.ts'
import { wasiImports } from './wasi.ts'

/** The part of WebAssembly that is used here; the compiler's libraries of this package have none. */
declare const WebAssembly: {
  Memory: new (size: { initial: number; maximum: number; shared: true }) => { readonly buffer: ArrayBufferLike }
}

/** Pages of 64 KiB, as the module declares them. The maximum is address space that is not used before it is needed. */
const MEMORY = { initial: 1_024, maximum: 65_536, shared: true } as const

/** The exports of each instance that register a class or function of the library. */
const REGISTRATION = /^__napi_register__/

/** What emnapi requires of Node.js's Buffer: bytes over given memory. */
const BUFFER = Object.assign(class extends Uint8Array {}, {
  from: (memory: ArrayBufferLike, offset?: number, length?: number) => new Uint8Array(memory, offset, length),
  alloc: (size: number) => new Uint8Array(size),
})

/** Instantiates the library. `wasm`: its URL or bytes. */
export async function loadDaveyWasm(wasm: string | Uint8Array): Promise<Davey> {
  const bytes = typeof wasm === 'string' ? await download(wasm) : wasm
  if (!('Buffer' in globalThis)) Object.assign(globalThis, { Buffer: BUFFER })
  const context = createContext()
  Object.assign(context.feature, { Buffer: globalThis.Buffer })
  const memory = new WebAssembly.Memory(MEMORY)
  const { napiModule } = await instantiateNapiModule(bytes as Uint8Array<ArrayBuffer>, {
    context,
    asyncWorkPoolSize: 0,
    overwriteImports: imports => ({
      ...imports,
      env: { ...imports.env, ...imports.napi, ...imports.emnapi, memory },
      wasi_snapshot_preview1: wasiImports(memory),
    }),
    beforeInit: ({ instance }) => {
      const functions = Object.entries(instance.exports as Record<string, unknown>)
      // `_initialize` first: without it the library waits for a lock forever.
      for (const pattern of [/^_initialize$/, REGISTRATION])
        for (const [name, value] of functions) if (pattern.test(name) && typeof value === 'function') value()
    },
  })
  return napiModule.exports as Davey
}

async function download(url: string): Promise<Uint8Array> {
  const response = await fetch(url)
  if (!response.ok) throw new Error(`expected the DAVE library at ${url}, found HTTP status ${response.status}`)
  return new Uint8Array(await response.arrayBuffer())
}
