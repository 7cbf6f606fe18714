// A button that loads a file: fileButton("File", { title, accept, name, picked(file, content) })
function fileButton(label, { title, accept, name, picked, kind = "" }) {
  const chosen = async (event) => {
    const [file] = event.target.files;
    if (!file) return;
    const content = file.arrayBuffer();
    // the same file can be loaded again
    event.target.value = "";
    picked(file, content);
  };
  return el("label", { class: `btn ${kind}`.trim(), title }, icon("file"), label, el("input", { type: "file", class: "sr", accept, "aria-label": name, onchange: chosen }));
}
