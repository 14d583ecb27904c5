// The initial of a user on the user's colour.

const HUES = 360
/** A user has the same colour in every tab. */
const hueOf = (userId: string): number => Number(BigInt.asUintN(32, BigInt(userId) * 2_654_435_761n) % BigInt(HUES))

export function Avatar({ userId, name }: { userId: string; name: string }) {
  return (
    <span class="avatar" style={{ '--hue': String(hueOf(userId)) }} aria-hidden="true">
      {Array.from(name)[0]?.toUpperCase()}
    </span>
  )
}
