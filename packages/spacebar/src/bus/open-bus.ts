// The bus that a URL names.
import type { Bus, BusListener } from './bus.ts'
import { RabbitBus } from './rabbit-bus.ts'
import { UnixBus } from './unix-bus.ts'

/** `unix:/folder` or `amqp://…`, `amqps://…`. Throws a RangeError for other URLs. */
export function openBus(url: string, listener: BusListener): Promise<Bus> {
  const folder = folderOf(url)
  if (folder !== undefined) return UnixBus.open({ folder }, listener)
  if (/^amqps?:\/\//.test(url)) return RabbitBus.open(url, listener)
  throw new RangeError('expected unix:/folder or amqp://host as the bus')
}

/** The folder of a Unix-socket bus; undefined for other buses. */
export function folderOf(url: string): string | undefined {
  const [, folder] = /^unix:(?:\/\/)?(\/.+)$/.exec(url) ?? []
  return folder
}
