import aiomysql


async def target():
    try:
        b = None
        try:
            b = await aiomysql.connect()
            b = await aiomysql.connect()
        except ValueError:
            b = None
        except:
            raise
        finally:
            if b:
                b.close()
    except ValueError:
        pass


# ruff: noqa
