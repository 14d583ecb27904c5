// What an address is counted under where something is allowed so often per address.

/**
 * Itself, or in IPv6 its /64 as `2001:db8:0:1::/64`, however it is written: one customer has at least that much. IPv4-mapped
 * IPv6 is the IPv4 it is. What is no address comes back in some form of its own.
 */
export function networkOf(address: string): string {
  if (!address.includes(':')) return address
  const mapped = /^::ffff:(\d+\.\d+\.\d+\.\d+)$/i.exec(address)?.[1]
  if (mapped !== undefined) return mapped
  const [head = '', tail] = address.split('::')
  const left = groupsOf(head)
  const right = groupsOf(tail ?? '')
  const zeros = Array.from({ length: tail === undefined ? 0 : Math.max(0, 8 - left.length - right.length) }, () => '0')
  const network = [...left, ...zeros, ...right].slice(0, 4).map(group => Number.parseInt(group, 16).toString(16))
  return `${network.join(':')}::/64`
}

/** Of 16 bits each; four decimal numbers at the end are two. */
function groupsOf(text: string): string[] {
  if (text === '') return []
  return text.split(':').flatMap(group => (group.includes('.') ? ['0', '0'] : [group]))
}
