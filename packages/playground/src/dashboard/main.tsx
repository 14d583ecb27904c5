// Starts the dashboard of the admin API.
import { render } from 'preact'
import { Dashboard } from './dashboard.tsx'
import '../ui/style.css'
import './dashboard.css'
import { Watch } from './watch.ts'

render(<Dashboard watch={new Watch()} />, document.getElementById('page')!)
