/** The site's icon: the "n" and the colon of the logo. */
export const icon = `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 32 32"><rect width="32" height="32" rx="6" fill="#555"/><path d="M6 24V10h4v2c1-1.600 2.500-2.400 4.400-2.400 3.400 0 5.100 2.100 5.100 5.700V24h-4.200v-7.900c0-1.900-.8-2.900-2.300-2.900-1.700 0-2.800 1.200-2.800 3.100V24z" fill="#fff"/><circle cx="25" cy="13" r="2.300" fill="#fff"/><circle cx="25" cy="22" r="2.300" fill="#fff"/></svg>
`
