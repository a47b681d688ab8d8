import aiomysql
from app import work


async def target():
    async with aiomysql.connect() as conn:
        work()


# ruff: noqa
