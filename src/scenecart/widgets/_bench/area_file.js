// The button of a map that loads the area from a file.
function draw(state, send) {
  const picked = async (file, content) => send("file", { name: file.name }, [await content]);
  return fileButton("Load area", { title: "Load the area of interest from a file: GeoJSON, GeoPackage, KML, zipped Shapefile", accept: state.files, name: "Load the area of interest from a file", picked });
}
