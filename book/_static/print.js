// A page is printed in its light colours, also where it is read in the dark.
{
  const root = document.documentElement;
  let seen = null;
  addEventListener("beforeprint", () => {
    seen = root.dataset.theme;
    root.dataset.theme = "light";
  });
  addEventListener("afterprint", () => {
    if (seen) root.dataset.theme = seen;
    seen = null;
  });
}
