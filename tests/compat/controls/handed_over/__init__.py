"""A package that offers Dask's words and hands all its work to Dask."""
