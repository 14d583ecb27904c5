// The mark beside the name on each page.

/** Four bars, drawn by the style sheet. */
export const Logo = () => (
  <span class="logo" aria-hidden="true">
    <i />
    <i />
    <i />
    <i />
  </span>
)
