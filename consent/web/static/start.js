// A scanned code stands behind the # of the address, which browsers send nowhere. It moves into the field, and out of the
// address, so that it stays in no history. Without this script people type it.
const scanned = location.hash.replace(/[^0-9A-Za-z-]/g, "").slice(0, 40);
if (location.hash) history.replaceState(null, "", location.pathname);
const field = document.getElementById("code");
if (field && scanned) field.value = scanned;
