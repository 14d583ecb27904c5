// The error of a package that only some installations of the bridge need: it is not a dependency.

/** `npm install --global` serves a global installation of Parley, whose packages look there too. */
export const missingPackage = (use: string, name: string): string =>
  `${use} needs the package ${name}, which is not installed: npm install ${name}, or npm install --global ${name} where Parley is installed globally`
