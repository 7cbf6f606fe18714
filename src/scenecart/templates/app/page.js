// An extension of the page, in the form that Voila loads extensions: a container with one module.
// The manager of widgets waits two seconds for a model and does not look again after its last wait, so that a page which
// was busy during that wait showed an error although the model had come (jupyterlab_widgets 3.0.17, get_model).
(() => {
  const plugin = {
    id: "scenecart-page:models",
    autoStart: true,
    activate: (app) => {
      app.widgetManagerPromise.promise.then((manager) => {
        const find = manager.get_model.bind(manager);
        manager.get_model = async (id) => {
          try {
            return await find(id);
          } catch (error) {
            if (!manager.has_model(id)) throw error;
            return find(id);
          }
        };
      });
    },
  };
  const module = { __esModule: true, default: plugin };
  window._JUPYTERLAB = window._JUPYTERLAB || {};
  window._JUPYTERLAB["scenecart-page"] = { init: () => {}, get: async () => () => module };
})();
