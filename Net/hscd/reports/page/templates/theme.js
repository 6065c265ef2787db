// The choice of light or dark is kept where the browser lets pages of files keep anything.
(() => {
  const root = document.documentElement;
  const kept = (value) => {
    try {
      if (value) localStorage.setItem("theme", value);
      return localStorage.getItem("theme");
    } catch { return value; }
  };
  const dark = () => root.dataset.theme
    ? root.dataset.theme === "dark" : matchMedia("(prefers-color-scheme: dark)").matches;
  const given = kept();
  if (given === "dark" || given === "light") root.dataset.theme = given;
  document.getElementById("theme").addEventListener("click", () => {
    root.dataset.theme = dark() ? "light" : "dark";
    kept(root.dataset.theme);
  });
})();
