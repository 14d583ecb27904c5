// User ids of the members of test calls.

export const ANA = '81384788765712384'
export const BEN = '81384788765712385'
export const CYD = '81384788765712386'
