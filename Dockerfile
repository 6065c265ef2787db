# docker build -t hscd .
# docker run --rm -v "$PWD:/data" hscd detect BEFORE AFTER
FROM python:3.11-slim

# GDAL, as rasterio's wheels bring it, looks for this one in the system.
RUN apt-get update && apt-get install --yes --no-install-recommends libexpat1 && rm -rf /var/lib/apt/lists/*

WORKDIR /opt/hscd
COPY requirements.lock ./
RUN pip install --no-cache-dir --no-deps -r requirements.lock
COPY pyproject.toml setup.py requirements.txt README.md LICENSE ./
COPY Net Net
COPY res/spectra res/spectra
RUN pip install --no-cache-dir --no-deps .

# Results belong to whoever runs it: docker run --user "$(id -u):$(id -g)" …; Matplotlib keeps its cache here.
ENV HOME=/tmp
WORKDIR /data
ENTRYPOINT ["hscd"]
CMD ["--help"]
