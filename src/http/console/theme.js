// The colours that were chosen here before, set before anything is drawn. Without a choice those of the system hold.
try {
  const chosen = localStorage.getItem("theme");
  if (chosen === "light" || chosen === "dark") document.documentElement.dataset.theme = chosen;
} catch {
  // Nothing can be kept here: the system's colours are as good.
}
