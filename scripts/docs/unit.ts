// deploy/systemd/parley.service: the unit that `parley setup` writes, with the paths of the documentation.
import { DOCUMENTED_PATHS, unitText } from '../../packages/server/src/setup/unit.ts'
import type { Whole } from './page.ts'

const HEADER = `# Parley as a service of systemd: copy to /etc/systemd/system/parley.service. \`parley setup\` writes it with the paths of a machine.
# Before: useradd --system --home-dir /etc/parley parley; npm install --global @parley/server (both as root)
`

export const systemdUnit: Whole = {
  file: 'deploy/systemd/parley.service',
  render: () => unitText(DOCUMENTED_PATHS, HEADER),
}
