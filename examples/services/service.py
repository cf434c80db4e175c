"""python service.py ARTIFACT PORT: probabilities and labels for rows of embeddings."""

import socket
import sys
from typing import Annotated

import numpy as np
import uvicorn
from fastapi import Body, FastAPI, Request
from fastapi.responses import JSONResponse

import plmhead

MOST = 16 * 2**20  # bytes of a request
head = plmhead.load(sys.argv[1], require_verified=True)
app = FastAPI(openapi_url=None)


@app.middleware("http")
async def limit(request: Request, answer):
    small = int(request.headers.get("content-length", MOST + 1)) <= MOST
    return await answer(request) if small else JSONResponse({"message": f"more than {MOST} bytes"}, 413)


@app.post("/score")
def score(x: Annotated[list[list[float]], Body(embed=True)]):
    _, probabilities, labels = head.score_all(np.array(x, dtype=np.float64))
    return {"probabilities": probabilities.tolist(), "labels": labels.tolist()}


@app.exception_handler(ValueError)
def refused(_, error: ValueError):
    found = {name: getattr(error, name, None) for name in ("code", "where")}
    return JSONResponse({**found, "message": str(error)}, 400)


listener = socket.create_server(("127.0.0.1", int(sys.argv[2])))
print(f"listening on http://127.0.0.1:{listener.getsockname()[1]}", flush=True)
uvicorn.Server(uvicorn.Config(app, log_level="warning")).run(sockets=[listener])
