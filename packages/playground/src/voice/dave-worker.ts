// The script of the page's DAVE worker.
import '@parley/client/dave-worker'
