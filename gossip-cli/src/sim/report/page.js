const root = document.documentElement;
const toggle = document.getElementById("scheme");
const dark = () => {
  const chosen = root.style.colorScheme;
  return chosen ? chosen === "dark" : matchMedia("(prefers-color-scheme: dark)").matches;
};
const name = () => { toggle.textContent = dark() ? "Light" : "Dark"; };
toggle.addEventListener("click", () => { root.style.colorScheme = dark() ? "light" : "dark"; name(); });
name();
for (const button of document.querySelectorAll("[data-copy]")) {
  button.addEventListener("click", async () => {
    await navigator.clipboard.writeText(button.previousElementSibling.textContent);
    button.textContent = "Copied";
  });
}
