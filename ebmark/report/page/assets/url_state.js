// What a reader chose, kept in the URL: `state` has it, `keep` changes it; an empty value is the default.
const state = new URLSearchParams(location.search);
const keep = (name, value) => {
  if (value) state.set(name, value); else state.delete(name);
  const query = state.size ? `?${state}` : location.pathname;
  try { history.replaceState(null, "", query + location.hash); } catch { /* the URL cannot be set */ }
};
