"""`OPT_IN`: calls that take long only with much data: they are waits only if `[tool.dbhygiene.gaps]` lists them."""

from __future__ import annotations

from dbhygiene.library.words import words

_TRAINING = words("fit fit_transform fit_predict partial_fit train evaluate predict")

# The functions and methods of a package, by the last part of their names; those that ask a database are not among them.
OPT_IN = {
    "pandas": words(
        """read_csv read_excel read_fwf read_html read_json read_parquet read_pickle read_xml read_feather read_hdf
        concat merge join apply map transform agg aggregate groupby pivot pivot_table melt sort_values drop_duplicates
        resample rolling corr to_csv to_excel to_json to_parquet to_pickle to_hdf to_feather"""
    ),
    "polars": words("read_csv read_excel read_json read_parquet scan_csv collect join write_csv write_parquet"),
    "sklearn": _TRAINING | words("cross_val_score cross_validate cross_val_predict"),
    "keras": _TRAINING,
    "tensorflow": _TRAINING,
    "torch": words("step backward"),
    "lightning": _TRAINING | words("test validate"),
    "pytorch_lightning": _TRAINING | words("test validate"),
    "transformers": words("train evaluate predict generate"),
    "sentence_transformers": words("encode fit train"),
    "xgboost": _TRAINING | words("cv"),
    "lightgbm": _TRAINING | words("cv"),
    "catboost": _TRAINING | words("cv"),
    "statsmodels": words("fit"),
    "prophet": words("fit predict"),
    "gensim": words("Word2Vec Doc2Vec FastText LdaModel train"),
    "spacy": words("update pipe train"),
    "ultralytics": words("train val predict"),
}

# What a function returns, by the class whose methods are listed above.
RETURNS = {
    **{
        f"pandas.{name}": "pandas.DataFrame"
        for name in OPT_IN["pandas"]
        if name.startswith("read_") or name in {"concat", "merge"}
    },
    **{
        f"pandas.DataFrame.{name}": "pandas.DataFrame"
        for name in words(
            """assign astype copy drop drop_duplicates dropna fillna groupby head join melt merge pivot pivot_table
            query rename replace reset_index sample set_index sort_values tail transform"""
        )
    },
    "sklearn.pipeline.make_pipeline": "sklearn.pipeline.Pipeline",
    "keras.models.load_model": "keras.Model",
    "tensorflow.keras.models.load_model": "tensorflow.keras.Model",
}
