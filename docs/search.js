// Sphinx's search ignores numbers, but the errors that people search for are numbers: 2006, 1226.
const parseWithoutNumbers = Search._parseQuery;
Search._parseQuery = (query) => {
  const parsed = parseWithoutNumbers(query);
  const [, searchTerms, , highlightTerms] = parsed;
  splitQuery(query.trim())
    .filter((word) => /^\d+$/.test(word))
    .forEach((word) => [searchTerms, highlightTerms].forEach((terms) => terms.add(word)));
  return parsed;
};

// The pages of errors come first.
Scorer.score = ([docname, title, anchor, description, score]) => score + (docname.startsWith("errors/") ? 20 : 0);
