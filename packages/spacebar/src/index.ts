// Public names of @parley/spacebar: the bridge with its settings, and its checks.
export { runSql } from './database/database.ts'
export { INSTALL_TRIGGERS, REMOVE_TRIGGERS } from './database/triggers.ts'
export type { BridgeNote, BridgeNoteName } from './notes.ts'
export { type CheckResult, checkBridge } from './service/check.ts'
export { type BridgeSettings, BridgeSettingsError, checkSettings } from './service/options.ts'
export { SpacebarBridge, type SpacebarBridgeOptions } from './service/spacebar-bridge.ts'
