// Starts the page, with the demo's API if a demo serves it.
import { render } from 'preact'
import { Call } from './call/call.ts'
import { DemoApi } from './call/demo-api.ts'
import { App } from './ui/app.tsx'
import './ui/style.css'
import './ui/door/door.css'
import './ui/devices/devices.css'
import './ui/call/call.css'
import './ui/call/stage.css'
import './ui/inspect/inspect.css'

const secret = document.querySelector<HTMLMetaElement>('meta[name="parley-demo"]')?.content ?? ''
const call = new Call(secret === '' ? undefined : new DemoApi(secret))

// Closing or reloading the page leaves the call, so that the node does not wait for a resume.
window.addEventListener('pagehide', () => call.leave())
render(<App call={call} />, document.getElementById('page')!)
