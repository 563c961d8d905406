// A scanned receipt stands behind the # of the address, which browsers send nowhere. It moves into the field, and out of
// the address. Without this script people choose the file, or paste what stands in it.
const scanned = location.hash.slice(1);
if (scanned) history.replaceState(null, "", location.pathname);
const field = document.getElementById("receipt");
if (field && /^[A-Za-z0-9_-]{1,24000}$/.test(scanned)) {
  const bytes = Uint8Array.from(atob(scanned.replaceAll("-", "+").replaceAll("_", "/")), (one) => one.charCodeAt(0));
  field.value = new TextDecoder().decode(bytes);
  field.form.requestSubmit();
}
