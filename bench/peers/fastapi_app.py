"""What a competent engineer writes in an afternoon: FastAPI over docker-py, one exec a request."""

import docker
from fastapi import FastAPI
from fastapi.responses import StreamingResponse
from pydantic import BaseModel

app = FastAPI()
client = docker.from_env()


class RunRequest(BaseModel):
    container: str
    script: str


@app.post("/run")
def run(request: RunRequest):
    container = client.containers.get(request.container)
    code, (stdout, stderr) = container.exec_run(["bash", "-c", request.script], demux=True)
    return {
        "exit_code": code,
        "stdout": (stdout or b"").decode(errors="replace"),
        "stderr": (stderr or b"").decode(errors="replace"),
    }


@app.post("/stream")
def stream(request: RunRequest):
    container = client.containers.get(request.container)
    _, chunks = container.exec_run(["bash", "-c", request.script], stream=True)
    return StreamingResponse(chunks, media_type="application/octet-stream")


@app.get("/ready")
def ready():
    return {"ready": True}
