import aiomysql
from app import work


async def target0():
    conn = await aiomysql.connect()
    try:
        async with aiomysql.connect() as b:
            conn.close()
    except Exception:
        conn.close()
        raise


# ruff: noqa
