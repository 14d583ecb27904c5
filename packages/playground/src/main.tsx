// Starts the page: finds out whether a demo stands behind it, and draws the call.
import { render } from 'preact'
import { Call } from './call.ts'
import { DemoApi } from './demo-api.ts'
import { App } from './ui/app.tsx'
import './ui/style.css'
import './ui/call.css'

const secret = document.querySelector<HTMLMetaElement>('meta[name="parley-demo"]')?.content ?? ''
const call = new Call(secret === '' ? undefined : new DemoApi(secret))

// Whoever closes or reloads the page has left, and is not kept for a resume.
window.addEventListener('pagehide', () => call.leave())
render(<App call={call} />, document.getElementById('page')!)
