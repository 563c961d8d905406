// Looks again every few seconds, and shows what has changed. Without this script people press "Look again".
const SECONDS = 5;
const looking = setInterval(async () => {
  const here = document.getElementById("live");
  if (here.hasAttribute("data-done")) return clearInterval(looking);
  try {
    const answer = await fetch(location.href, { cache: "no-store", credentials: "same-origin" });
    if (!answer.ok) return;
    const there = new DOMParser().parseFromString(await answer.text(), "text/html").getElementById("live");
    if (there && there.innerHTML !== here.innerHTML) here.replaceWith(document.importNode(there, true));
  } catch {
    // offline for a moment: the next look may do
  }
}, SECONDS * 1000);
