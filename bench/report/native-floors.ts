// Saturated loads of a node and of the C++ floor, by channel size. Ratios are relative to the variant with sendmmsg.
import { compileFloor, NativeFloor, type NativeVariant } from '../floor/native-floor.ts'
import { type LoadFigures, measureLoad } from '../load/measure.ts'
import type { Row } from './rows.ts'
import { BASE, type Extent, empty, fill, GCM, saturated } from './scenarios.ts'
import { toBase } from './turns.ts'

const VARIANTS: readonly NativeVariant[] = ['sendmmsg', 'sendto']

/** Without a compiler or libsodium the rows are absent, and a line says so. */
export async function* byNativeFloor(extent: Extent): AsyncGenerator<Row> {
  const refusal = compileFloor()
  if (refusal !== undefined) return console.log(`C++ floor: not measured, ${refusal}\n`)
  for (const members of extent.native) {
    const plan = { ...BASE, members, channels: Math.max(1, Math.floor(extent.allMembers / members)) }
    const crowd = await fill('ffi', plan)
    const floors: NativeFloor[] = []
    for (const variant of VARIANTS) floors.push(await NativeFloor.open(crowd, variant))
    const measurement = saturated(extent)
    const rounds: LoadFigures[][] = []
    for (let round = 0; round < extent.rounds; round++) {
      const figures: LoadFigures[] = []
      for (const floor of floors) figures.push(await floor.measure(measurement))
      rounds.push([...figures, await measureLoad(crowd, { ...measurement, isProbing: false })])
    }
    const load = `${plan.channels} × ${members}, saturated`
    const rest = { load, mode: GCM, lanes: 1, base: 'C++ sendmmsg' }
    for (const [index, engine] of ([...VARIANTS, 'ffi'] as const).entries())
      yield { id: `native/${members}/${engine}`, engine, ...rest, ...toBase(rounds, index) }
    for (const floor of floors) floor.close()
    await empty([crowd])
  }
}
