// Types of davey-wasm.mjs.

/** Path of the WebAssembly of @snazzah/davey. */
export function daveyWasm(): Promise<string>
