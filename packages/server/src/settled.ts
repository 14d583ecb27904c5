// Waiting for work with a time limit.

/** Whether the work ends within `timeout` milliseconds. It continues if it does not. */
export async function isSettledWithin(work: Promise<void>, timeout: number): Promise<boolean> {
  let timer: NodeJS.Timeout | undefined
  const late = new Promise<boolean>(resolve => {
    timer = setTimeout(() => resolve(false), timeout)
  })
  const isSettled = await Promise.race([work.then(() => true), late])
  clearTimeout(timer)
  return isSettled
}
