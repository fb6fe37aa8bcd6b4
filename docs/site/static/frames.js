// A frame with a live explorer is as high as what is in it.
addEventListener("message", ({ source, data }) => {
  const frame = [...document.querySelectorAll("details.live iframe")].find((each) => each.contentWindow === source);
  if (frame && data.height > 0) frame.style.height = `${data.height + 2}px`; // and its border
});
